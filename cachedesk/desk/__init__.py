"""The desk: a Textual screen over one frozen snapshot, and the keys that break the stack."""
