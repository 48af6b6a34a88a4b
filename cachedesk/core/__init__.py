"""Values and ports that every other package uses. It imports no other package of cachedesk."""
