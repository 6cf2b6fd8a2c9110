"""One file per feature of a call that is not a flow by itself."""
