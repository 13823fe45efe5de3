"""The data directory: who may read it, and the secrets kept in it. Standard library only."""

from __future__ import annotations

import fcntl
import os
import pwd
import secrets
from pathlib import Path
from typing import IO

from portal.config import ConfigError


def prepare_data_dir(data_dir: Path) -> None:
    """Makes the data directory for its owner alone. Raises ConfigError when it can't be written, or is another user's
    in whose place root would write: that user's server couldn't read what root leaves there.
    """
    if os.geteuid() == 0 and (owner := _who_made(data_dir)):
        raise ConfigError([f"LINTEL_DATA_DIR: {data_dir} belongs to {owner}; run this as {owner} (sudo -u {owner} …)"])
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        for inner in ("secrets", "outbox"):
            (data_dir / inner).mkdir(mode=0o700, exist_ok=True)
        probe = data_dir / f".writable-{os.getpid()}"
        probe.touch(mode=0o600)
        probe.unlink()
    except OSError as problem:
        raise ConfigError(
            [f"LINTEL_DATA_DIR: {data_dir} can't be written ({problem.strerror}); choose another or change its owner"]
        ) from None
    if data_dir.stat().st_uid == os.geteuid():
        data_dir.chmod(0o700)


def _who_made(data_dir: Path) -> str:
    """The user whose secrets lie there; nobody where there are none, or root's."""
    try:
        user = (data_dir / "secrets").stat().st_uid
    except OSError:
        return ""
    if user == 0:
        return ""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"


def secret(data_dir: Path, name: str) -> str:
    """The secret called `name`, made on first use. Several processes may ask at once: one value wins."""
    path = data_dir / "secrets" / name
    try:
        found = path.read_text(encoding="ascii").strip()
        if found:
            return found
        raise ConfigError([f"{path}: is empty; restore it from your backup or delete it to make a new one"])
    except FileNotFoundError:
        pass
    except OSError as problem:
        raise ConfigError([f"{path}: can't be read ({problem.strerror}); give it to this user"]) from None
    draft = path.with_name(f".{name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails when another process was first: its value stays
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as problem:
        raise ConfigError([f"{path}: can't be written ({problem.strerror}); check the data directory"]) from None
    return path.read_text(encoding="ascii").strip()


def only_one_server(data_dir: Path) -> IO[str]:
    """Takes the data directory for this process; the lock goes with the returned file. Raises ConfigError."""
    file = (data_dir / "serve.lock").open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read(20).strip() or "unknown"
        file.close()
        raise ConfigError(
            [f"LINTEL_DATA_DIR: {data_dir} is served by process {holder} already; stop it or choose another directory"]
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
