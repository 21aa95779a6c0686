"""A module that cannot be loaded: handler "fails_on_import.handler"."""

raise RuntimeError("this module cannot be loaded")
