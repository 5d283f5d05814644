"""From two sets of scores to a verdict. Pure: same scores and suite, same verdict."""
