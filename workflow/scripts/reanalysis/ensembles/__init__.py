"""Sets of data that a paper allows: drawn, kept as members, carried through methods."""
