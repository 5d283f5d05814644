"""One module per job: the steps of `run`, `compare`, `report` and `gate`, in order. Decisions are made below."""
