"""`eyelid serve`: the guard over HTTP."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from eyelid._optional import require
from eyelid.cli._exit import usage
from eyelid.cli._guard import (
    DeviceOption,
    JsonOption,
    ModelOption,
    PolicyOption,
    ThreadsOption,
    WeightsOption,
    guard_maker,
    open_guard,
)
from eyelid.cli._record import to_json
from eyelid.cli._serve_ray import serve_with_ray
from eyelid.errors import ConfigurationError
from eyelid.serving import Listen, Scale, Settings, read_tokens

_DEFAULT, _PLACE = Settings(), Listen()


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = _PLACE.host,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = _PLACE.port,
    token_file: Annotated[
        Path | None, typer.Option(help="Bearer tokens, one for each caller: lines of `name token`.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let everybody who reaches the address ask without a token.")
    ] = False,
    certificate: Annotated[Path | None, typer.Option(help="PEM file, for https.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    max_body: Annotated[int, typer.Option(min=1, help="Bytes of one request.")] = _DEFAULT.max_body,
    max_queue: Annotated[int, typer.Option(min=1, help="Requests under way at a time.")] = _DEFAULT.max_requests,
    max_queue_bytes: Annotated[int, typer.Option(min=1, help="Bytes of all requests under way.")] = _DEFAULT.max_bytes,
    max_wait: Annotated[
        float, typer.Option(help="Refuse at once what would probably wait for more seconds than this.")
    ] = _DEFAULT.max_wait,
    max_items: Annotated[int, typer.Option(min=1, help="Exchanges of one batch.")] = _DEFAULT.max_items,
    caller_header: Annotated[
        str, typer.Option(help="A header in which a trusted gateway names the caller, for fair shares.")
    ] = "",
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A name that the Host header may have; repeat for more.")
    ] = None,
    grace: Annotated[int, typer.Option(min=1, help="Seconds to finish requests after SIGTERM.")] = _PLACE.grace,
    docs: Annotated[bool, typer.Option("--docs", help="Serve /openapi.json and /docs.")] = False,
    on_ray: Annotated[bool, typer.Option("--ray", help="Serve from several processes or machines, with Ray.")] = False,
    ray_address: Annotated[
        str, typer.Option(metavar="HOST:PORT|auto", help="A Ray cluster that this machine is part of; else its own.")
    ] = "",
    replicas: Annotated[
        int, typer.Option("--replicas", "--min-replicas", min=1, help="Guards on Ray, each on --threads CPUs (1).")
    ] = 1,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="Up to how many are started while there is much to do.")
    ] = None,
    replica_gpus: Annotated[float, typer.Option(min=0.0, help="GPUs of each; 0.5 lets two share.")] = 0.0,
    policy: PolicyOption = "balanced",
    model: ModelOption = "",
    weights: WeightsOption = None,
    threads: ThreadsOption = None,
    device: DeviceOption = "auto",
    warm_up: Annotated[
        bool, typer.Option(help="Find first how many tokens a forward pass should take here; some seconds.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Serve the guard over HTTP until SIGTERM or SIGINT; requests under way are finished first.

    Paths: /v1/check, /v1/check/batch, /v1/stream, /v1/moderations (as OpenAI's), /v1/score and /v1/rewrite (for
    another eyelid), /metrics, /healthz, /readyz. A token is taken from EYELID_TOKEN or --token-file; without one
    only this machine is served. With --ray all limits are those of each replica. Exit codes: 0 ended as asked,
    1 Ray could not do it, 2 usage.

    Examples:

      eyelid serve

      EYELID_TOKEN=$(cat token) eyelid serve --host 0.0.0.0 --policy strict

      curl -s localhost:8400/v1/check --json '{"response": "Seven minutes."}'

      eyelid serve --ray --replicas 2 --max-replicas 8
    """
    tell = partial(_tell, as_json=as_json)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if model and on_ray:
        usage("--model goes with one process; with --ray give no policy that asks a model again")
    try:
        require("serve", "fastapi", "uvicorn", "prometheus_client")
        listen = Listen(host=host, port=port, insecure=insecure, grace=grace, certificate=certificate, key=key)
        settings = Settings(
            tokens=read_tokens(token_file, os.environ.get("EYELID_TOKEN", "")),
            hosts=tuple(allow_host or ()),
            caller_header=caller_header,
            max_body=max_body,
            max_requests=max_queue,
            max_bytes=max_queue_bytes,
            max_wait=max_wait,
            max_items=max_items,
            docs=docs,
        )
        listen.check(settings)
        if on_ray:
            make = guard_maker(ctx, policy, weights=weights and weights.resolve(), threads=threads or 1)
            scale = Scale(replicas=replicas, most=max_replicas, cpus=threads or 1, gpus=replica_gpus)
            serve_with_ray(make, settings, listen, scale, address=ray_address, started=tell)
            return
    except ConfigurationError as error:
        usage(error)
    if ray_address or max_replicas or replicas > 1 or replica_gpus:
        usage("--ray-address, --replicas, --max-replicas and --replica-gpus go with --ray")
    with open_guard(
        ctx, policy, weights=weights, threads=threads, device=device, warm_up=warm_up, model=model
    ) as guard:
        from eyelid import serving

        try:
            serving.serve(guard, settings, listen, started=tell)
        except ConfigurationError as error:
            usage(error)


def _tell(url: str, *, as_json: bool) -> None:
    typer.echo(to_json({"url": url}) if as_json else f"eyelid listens on {url}")
