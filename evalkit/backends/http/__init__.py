"""The wire: connections, deadlines, what a reply and its headers say, and what may be repeated of it."""
