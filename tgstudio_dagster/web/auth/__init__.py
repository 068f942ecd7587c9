"""Sign-in: who somebody is, how it is proven, and the session that remembers it."""
