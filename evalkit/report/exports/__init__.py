"""A finished run in the forms other tools take: a model card, plain columns, an experiment tracker's entries."""
