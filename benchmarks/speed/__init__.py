"""What the zoo costs against its peers, on the same work and the same machine."""
