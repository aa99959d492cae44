"""The parts that all guide families share: the base class, its sites and its parameters."""
