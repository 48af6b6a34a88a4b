"""How to open two stacks side by side, for a desk: they need a terminal of their own."""

TITLE = "Versus: two stacks side by side"
HOW = "Leave, or open another terminal, and run: cachedesk --versus log=off"
