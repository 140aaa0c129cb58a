"""Runs commands of the installed Azure CLI, each in a process of its own that finds the modules loaded.

Reads a line of JSON for each command, {"words": [...], "folder": "..."}, and answers one, {"code", "stdout", "stderr"};
to {"list": "backup"} it answers {"commands"}, the names of all commands of a group.
The CLI itself is not changed, with one exception that this file makes in memory: Debian 12's azure-cli asks its
compute library for a version of the API that the library of Debian 12 lacks.
"""
import json
import os
import runpy
import sys
import tempfile
import traceback

GROUPS = ["backup", "vm", "group", "account", "storage", "network", "identity", "resource", "deployment", "role", "lock", "rest"]


def mend_versions():
    from azure.cli.core.profiles import ResourceType
    from azure.cli.core.profiles._shared import AZURE_API_PROFILES

    latest = AZURE_API_PROFILES["latest"]
    compute = latest[ResourceType.MGMT_COMPUTE]
    if compute.default_api_version == "2022-11-01":
        compute.profile[None] = "2022-08-01"
        for name, version in list(compute.profile.items()):
            if version == "2022-11-01":
                compute.profile[name] = "2022-08-01"
    if latest[ResourceType.MGMT_NETWORK] == "2022-01-01":
        latest[ResourceType.MGMT_NETWORK] = "2022-07-01"


def commands_of(group):
    from azure.cli.core import MainCommandsLoader, get_default_cli
    from azure.cli.core.commands import AzCliCommandInvoker

    cli = get_default_cli()
    cli.invocation = AzCliCommandInvoker(
        cli_ctx=cli, commands_loader_cls=MainCommandsLoader, parser_cls=cli.parser_cls, help_cls=cli.help_cls
    )
    cli.invocation.commands_loader.load_command_table([group])
    return sorted(name for name in cli.invocation.commands_loader.command_table if name.startswith(group + " "))


def load_modules():
    """What every command needs is imported once; no command is run here."""
    for group in GROUPS:
        try:
            commands_of(group)
        except Exception:  # pylint: disable=broad-except
            pass  # a group that cannot be loaded says so when a command of it is run
    import azure.mgmt.recoveryservices  # noqa: F401
    import azure.mgmt.recoveryservicesbackup  # noqa: F401
    import msal  # noqa: F401


def run(request, out, err):
    # the CLI has taken hold of sys.stdout when it was loaded: the file beneath is changed, not the object
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdin = open(os.devnull, encoding="utf-8")
    os.chdir(request.get("folder", "/"))
    sys.argv = ["az", *request["words"]]
    try:
        runpy.run_module("azure.cli", run_name="__main__")
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
        return 70


def serve():
    for line in sys.stdin:
        request = json.loads(line)
        if "list" in request:
            print(json.dumps({"commands": commands_of(request["list"])}), flush=True)
            continue
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                code = run(request, out, err)
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
            _, status = os.waitpid(child, 0)
            texts = {}
            for name, file in (("stdout", out), ("stderr", err)):
                file.seek(0)
                texts[name] = file.read().decode("utf-8", "replace")
            print(json.dumps({"code": os.waitstatus_to_exitcode(status), **texts}), flush=True)


if __name__ == "__main__":
    noise = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # modules for other services than these tests use
    mend_versions()
    load_modules()
    sys.stderr.flush()
    os.dup2(noise, 2)
    print(json.dumps({"ready": True}), flush=True)
    serve()
