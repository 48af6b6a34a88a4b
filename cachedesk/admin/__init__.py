"""Operations on a data directory that is not in use."""
