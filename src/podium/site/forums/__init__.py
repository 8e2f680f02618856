"""The forum of a competition: threads of posts, for those who take part and those who run it."""
