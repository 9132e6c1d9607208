"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """Bad input: the message says what was expected, what came, and what to do.

    The command line prints it as one line and exits with 2; no traceback.
    """


class RigError(Exception):
    """The simulator or a sensor failed: no fault of the driver, the episode is VOID."""
