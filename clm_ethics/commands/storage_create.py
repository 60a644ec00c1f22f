"""Create or migrate the tables of a PostgreSQL database, as the role that is to own them.

Prints the grants that an application needs; with ``--application`` it gives them. May be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from .output import YES, say, show

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("url", metavar="URL", help="postgresql://owner@host/database")
    parser.add_argument("--schema", default="clm_ethics", help="namespace of the tables (clm_ethics)")
    parser.add_argument("--application", metavar="ROLE", help="give this role what an application needs")
    parser.add_argument(
        "--distributed", action="store_true", help="spread the streams over the nodes of Citus"
    )


def run(arguments: argparse.Namespace) -> int:
    """Create the tables, and say which rights an application needs."""
    if arguments.url.partition(":")[0] not in {"postgresql", "postgres"}:
        raise UsageError(
            "only PostgreSQL has tables that somebody has to create",
            place="storage create",
            remedy="write `postgresql://owner@host/database`; other storages are created when opened",
        )
    try:
        from ..storage.postgresql import create
        from ..storage.postgresql_link import quoted_name
        from ..storage.postgresql_schema import SCHEMA, grants
    except ImportError as error:
        raise UsageError(str(error), place="storage create", remedy="install what it needs") from error
    create(
        arguments.url,
        schema=arguments.schema,
        application=arguments.application,
        distributed=arguments.distributed,
    )
    role = quoted_name(arguments.application) if arguments.application else "ROLE"
    texts = [each.text.decode().replace("%%", "%") for each in grants(quoted_name(arguments.schema), role)]
    if arguments.json:
        document = {"namespace": arguments.schema, "schema": SCHEMA, "distributed": arguments.distributed}
        show(document | {"application": arguments.application, "grants": texts})
        return YES
    say(f"the tables of schema {SCHEMA} stand in the namespace {arguments.schema}")
    if arguments.distributed:
        say("their streams are spread over the nodes; nothing but the grants guards the entries there")
    say("granted:" if arguments.application else "grant the role of the application:")
    say(*(f"  {text};" for text in texts))
    return YES
