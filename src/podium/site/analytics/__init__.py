"""What the site and its competitions are like in numbers: who came, what was submitted, what it takes to store."""
