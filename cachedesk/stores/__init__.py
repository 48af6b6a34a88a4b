"""The engines under the cache layer, one package each. No store knows another."""
