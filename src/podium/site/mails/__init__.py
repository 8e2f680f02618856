"""Mails to people: written in the transaction that is their reason, sent by the site-worker, recorded one by one."""
