"""Notices as e-mail: text and HTML in one message, over SMTP with STARTTLS and login.

The connection is read as Airflow's own ``SmtpHook`` reads it (host, port, login, password; extra: ``from_email``, ``timeout``,
``disable_tls``, ``disable_ssl``, ``ssl_context``), so that one connection of type smtp serves both. Where neither ``disable_tls`` nor
``disable_ssl`` is set, port 465 means TLS from the first byte and any other port STARTTLS.
"""

from __future__ import annotations

import contextlib
import hashlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from driftgate.notify.connections import Connection
from driftgate.notify.notice import CRITICAL, Notice, one_line, plain_text, shorten
from driftgate.notify.outcome import DeliveryError, channel_down, refused

if TYPE_CHECKING:
    import jinja2

TIMEOUT_S, LONGEST_TIMEOUT_S = 10, 30
_IMPLICIT_TLS_PORT = 465
_SUBJECT = 200
_TEMPLATES = Path(__file__).parent / "templates"


def compose(notice: Notice, sender: str, to: Sequence[str], now: datetime | None = None) -> EmailMessage:
    """Build the message.

    Its Message-ID follows from the notice's key: mail programs show a message that was sent twice once, and the end of an incident under
    its beginning.
    """
    message = EmailMessage(policy=SMTP_POLICY)
    domain = sender.rpartition("@")[2].rstrip(">") or "driftgate.invalid"
    message["Subject"] = shorten(one_line(notice.subject), _SUBJECT)
    message["From"] = sender if "<" in sender else Address("Driftgate", addr_spec=sender)
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(now or datetime.now(UTC))
    message["Message-ID"] = _message_id(notice.key, domain)
    if notice.thread and notice.thread != notice.key:
        message["References"] = message["In-Reply-To"] = _message_id(notice.thread, domain)
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    if notice.tone == CRITICAL:
        message["Importance"] = "high"
    message.set_content(plain_text(notice))
    message.add_alternative(render_html(notice), subtype="html")
    return message


def _message_id(key: str, domain: str) -> str:
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def render_html(notice: Notice) -> str:
    """Word a notice as a page for mail programs."""
    return _template().render(notice=notice)


@cache
def _template() -> jinja2.Template:
    import jinja2

    loader = jinja2.FileSystemLoader(_TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("notice.html.j2")


def send(connection: Connection, notice: Notice, to: Sequence[str]) -> str | None:
    """Deliver a notice; the answer names recipients that were refused while others got it.

    Raises
    ------
    DeliveryError
        If nobody got it.
    """
    message = compose(notice, _sender(connection), to)
    with _readable(connection), _session(connection) as server:
        left_out = server.send_message(message)
    if not left_out:
        return None
    return "refused for " + ", ".join(f"{address} ({code} {_said(text)})" for address, (code, text) in left_out.items())


def _sender(connection: Connection) -> str:
    sender = connection.text("from_email") or (connection.login if "@" in connection.login else "")
    if not sender:
        raise channel_down('it names no sender; add {"from_email": "driftgate@example.com"} to its extra')
    return one_line(sender)


@contextmanager
def _session(connection: Connection) -> Iterator[smtplib.SMTP]:
    """Connect, encrypt and log in; say goodbye whatever happened."""
    server = _connect(connection)
    try:
        if connection.login and connection.password:
            server.login(connection.login, connection.password)
        yield server
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _connect(connection: Connection) -> smtplib.SMTP:
    if not connection.host:
        raise channel_down("it has no host; write the name of the mail server")
    if connection.text("auth_type") == "oauth2":
        raise channel_down("its auth_type is oauth2, which is not supported here; use a mail server with login and password")
    encryption, timeout = _encryption(connection), _timeout(connection)
    if encryption == "tls":
        port = connection.port or _IMPLICIT_TLS_PORT
        return smtplib.SMTP_SSL(connection.host, port, timeout=timeout, context=_context(connection))
    server = smtplib.SMTP(connection.host, connection.port or (587 if encryption == "starttls" else 25), timeout=timeout)
    try:
        if encryption == "starttls":
            server.starttls(context=_context(connection))
        return server
    except Exception:
        server.close()
        raise


def _encryption(connection: Connection) -> str:
    no_starttls, no_implicit = connection.flag("disable_tls"), connection.flag("disable_ssl")
    if no_starttls and no_implicit:
        return "none"
    if no_starttls != no_implicit:
        return "tls" if no_starttls else "starttls"
    return "tls" if connection.port == _IMPLICIT_TLS_PORT else "starttls"


def _context(connection: Connection) -> ssl.SSLContext:
    """Return the checks of the server's certificate: the system's authorities (SSL_CERT_FILE), or none where that was asked for."""
    context = ssl.create_default_context()
    if connection.text("ssl_context") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _timeout(connection: Connection) -> float:
    try:
        return min(max(float(connection.extra.get("timeout") or TIMEOUT_S), 1.0), LONGEST_TIMEOUT_S)
    except (TypeError, ValueError):
        return TIMEOUT_S


@contextmanager
def _readable(connection: Connection) -> Iterator[None]:
    """Turn what the server or the line says into a DeliveryError."""
    where = f"{connection.host}:{connection.port}" if connection.port else connection.host
    try:
        yield
    except DeliveryError:
        raise
    except smtplib.SMTPException as error:
        raise _translate(error, where) from None
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or type(error).__name__
        raise channel_down(f"{where}: no encrypted connection ({reason}); see disable_tls, disable_ssl and SSL_CERT_FILE") from None
    except (OSError, UnicodeError) as error:
        raise channel_down(f"{where} was not reached or stopped answering ({type(error).__name__}: {error})") from None


def _translate(error: smtplib.SMTPException, where: str) -> DeliveryError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return channel_down(f"{where} refuses the login ({error.smtp_code} {_said(error.smtp_error)}); check login and password")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return channel_down(f"{where} does not offer what is needed ({error}); without STARTTLS set disable_tls in the connection's extra")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = {address: f"{code} {_said(text)}" for address, (code, text) in error.recipients.items()}
        said = "; ".join(f"{address}: {answer}" for address, answer in answers.items())
        is_final = all(code >= 500 for code, _ in error.recipients.values())
        return (refused if is_final else DeliveryError)(f"{where} takes the message for nobody ({said})")
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        said = f"{where} answered {error.smtp_code} {_said(error.smtp_error)}"
        if isinstance(error, (smtplib.SMTPConnectError, smtplib.SMTPHeloError)) or error.smtp_code == 421:
            return channel_down(said)
        return refused(said) if error.smtp_code >= 500 else DeliveryError(said)
    return channel_down(f"{where} broke the conversation ({type(error).__name__}: {error})")


def _said(text: bytes | str) -> str:
    return one_line(text.decode(errors="replace") if isinstance(text, bytes) else text)[:200]
