"""The command line: arguments in, exit code out. One module a verb; heavy imports happen inside the verbs."""
