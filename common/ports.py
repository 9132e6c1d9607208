"""Why an address cannot be listened on: its port is taken, or its host is not this machine's."""

from __future__ import annotations

import errno

from common.errors import UserError

OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)


def not_to_listen_on(host: str, port: int, error: Exception, why: str = "") -> UserError:
    """The error to raise where `error` came; `why` tells what the port is needed for."""
    reason = getattr(error, "strerror", None) or str(error)
    if getattr(error, "errno", None) in OF_THE_PORT:
        return UserError(
            f"expected a free port, got {host}:{port} ({reason}){why}; choose another with --port"
        )
    return UserError(
        f"expected an address of this machine, got {host} ({reason}); choose another with --host"
    )
