"""The steps of `evalkit run`, in order: what is asked, scored, checked, decided and written."""
