"""Objects, dictionaries, strings and a parser, as a script has them."""
import json
import random
import re

random.seed(1)


class Account:
    def __init__(self, number, owner):
        self.number, self.owner, self.history = number, owner, []

    def book(self, amount, text):
        self.history.append((amount, text))


accounts = {n: Account(n, "owner %d" % n) for n in range(20000)}
for step in range(100000):
    accounts[random.randrange(20000)].book(random.randint(-500, 500), "booking number %d" % step)

text = json.dumps([{"number": a.number, "owner": a.owner, "history": a.history} for a in accounts.values()])
again = json.loads(text)
words = re.findall(r"[a-z]+|\d+", text)
counts = {}
for word in words:
    counts[word] = counts.get(word, 0) + 1
lines = sorted((" ".join(words[i : i + 9]) for i in range(0, len(words), 9)), key=lambda line: line[::-1])
trees = []
for depth in range(40000):
    trees = [trees, depth] if depth % 400 else [depth]
print(len(text), len(again), len(words), len(counts), sum(map(len, lines)), sum(h[0] for a in again for h in a["history"]))
