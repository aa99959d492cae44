"""Natural-gradient variational inference: the parts of the engine `IVON`."""
