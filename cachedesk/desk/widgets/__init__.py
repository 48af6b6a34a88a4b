"""The widgets of the desk, one a file; each draws one frozen value and keeps no other state."""
