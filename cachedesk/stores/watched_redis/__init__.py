"""A Redis or Valkey of another application, read only."""
