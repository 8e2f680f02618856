"""How an operator sees the site: metrics, the line that each request leaves, mails about errors."""
