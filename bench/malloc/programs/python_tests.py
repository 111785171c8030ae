"""python_tests.py MODULE: the outcome of every test of a module of Python's own tests, in order.

What tests print, and how long they take, is left out: it differs from run to run."""
import os
import sys
import unittest

out = os.fdopen(os.dup(1), "w")
nowhere = os.open(os.devnull, os.O_RDWR)
os.dup2(nowhere, 1)
os.dup2(nowhere, 2)

import test.support

test.support.use_resources = []


class Outcomes(unittest.TestResult):
    """A word for each test; of an error also the last line, where it is not about memory that moves."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def say(self, case, word):
        self.lines.append("%s: %s" % (case.id(), word))

    def addSuccess(self, case):
        self.say(case, "ok")

    def addError(self, case, error):
        self.say(case, "error " + error[0].__name__)

    def addFailure(self, case, error):
        self.say(case, "failure")

    def addSkip(self, case, reason):
        self.say(case, "skipped")

    def addExpectedFailure(self, case, error):
        self.say(case, "expected failure")

    def addUnexpectedSuccess(self, case):
        self.say(case, "unexpected success")


outcomes = Outcomes()
try:
    unittest.defaultTestLoader.loadTestsFromName("test." + sys.argv[1]).run(outcomes)
except unittest.SkipTest:
    outcomes.lines.append("skipped")
print("\n".join(sorted(outcomes.lines)), file=out)
out.flush()
# Threads that a test left behind are not waited for.
os._exit(0)
