"""The programs that make the posteriors of the package's hub, one function each."""
