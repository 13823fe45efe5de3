"""The portal's certificate: read once at start, checked, and turned into what the listener needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet import ssl

from portal.config import ConfigError


def context_factory(certificate: Path, key: Path) -> ssl.CertificateOptions:
    """TLS 1.2 and 1.3, HTTP/1.1 only. Raises ConfigError when the two files don't make a usable pair."""
    try:
        chain = [crypto.X509.from_cryptography(found) for found in read_chain(certificate)]
        private = crypto.load_privatekey(crypto.FILETYPE_PEM, key.read_bytes(), passphrase=b"")
    except (crypto.Error, OSError, ValueError, TypeError):
        raise ConfigError([f"LINTEL_TLS_KEY: {key} is not an unencrypted PEM key that this user can read"]) from None
    options = ssl.CertificateOptions(
        privateKey=private,
        certificate=chain[0],
        extraCertChain=chain[1:],
        raiseMinimumTo=ssl.TLSVersion.TLSv1_2,
        acceptableProtocols=[b"http/1.1"],
    )
    try:
        options.getContext().check_privatekey()
    except SSL.Error:
        raise ConfigError([f"LINTEL_TLS_KEY: {key} does not belong to the certificate {certificate}"]) from None
    if problem := validity_problem(chain[0].to_cryptography()):
        raise ConfigError([f"LINTEL_TLS_CERT: {certificate} {problem}"])
    return options


def read_chain(certificate: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, our own first. Raises ConfigError."""
    try:
        return x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError):
        raise ConfigError([f"LINTEL_TLS_CERT: {certificate} holds no PEM certificate"]) from None


def validity_problem(certificate: x509.Certificate, now: datetime | None = None) -> str:
    """Why the certificate can't be used at `now`, or an empty text."""
    now = now or datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}; renew it"
    if certificate.not_valid_before_utc > now:
        return f"is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only; check this machine's clock"
    return ""
