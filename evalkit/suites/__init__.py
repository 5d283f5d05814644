"""From suite.yaml on disk to a frozen Suite. `load.load_suite` is the door; importing the package costs nothing."""
