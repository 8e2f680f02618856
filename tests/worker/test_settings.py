"""What a worker reads from its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.worker.settings import GIB, SettingsError, WorkerSettings

BASE = {"PODIUM_WORKER_SERVER": "https://podium.example.org", "PODIUM_WORKER_TOKEN": "secret"}


def read(**variables: str) -> WorkerSettings:
    return WorkerSettings.from_environment({**BASE, **variables})


def test_server_and_token_are_enough() -> None:
    settings = read()
    assert (settings.server, settings.token, settings.engine) == ("https://podium.example.org", "secret", "auto")
    assert settings.slots >= 1


def test_the_variables_of_codabenchs_worker_are_understood() -> None:
    settings = read(
        HOST_DIRECTORY="/srv/codabench",
        MAX_CACHE_DIR_SIZE_GB="2.5",
        CONTAINER_SOCKET="/run/podman.sock",
        CONTAINER_ENGINE_EXECUTABLE="podman",
        COMPETITION_CONTAINER_NETWORK_DISABLED="True",
        COMPETITION_CONTAINER_HTTP_PROXY="http://proxy:3128",
        WORKER_BUNDLE_URL_REWRITE="http://minio:9000|http://localhost:9000",
        USE_GPU="true",
        GPU_DEVICE="nvidia.com/gpu=0",
    )
    assert settings.work == Path("/srv/codabench/podium")
    assert settings.data == Path("/srv/codabench/data")
    assert settings.cache_bytes == int(2.5 * GIB)
    assert settings.container_socket == "unix:///run/podman.sock"
    assert settings.engine == "docker"
    assert settings.network_disabled
    assert settings.http_proxy == "http://proxy:3128"
    assert settings.url_rewrite == ("http://minio:9000", "http://localhost:9000")
    assert settings.gpus == "nvidia.com/gpu=0"


def test_podiums_own_name_wins_over_codabenchs() -> None:
    settings = read(MAX_CACHE_DIR_SIZE_GB="2", PODIUM_WORKER_CACHE_GB="3", PODIUM_WORKER_ENGINE="bubblewrap")
    assert settings.cache_bytes == 3 * GIB


def test_what_is_given_wins_over_the_environment() -> None:
    settings = WorkerSettings.from_environment({**BASE, "PODIUM_WORKER_SLOTS": "4"}, slots=2, engine=None)
    assert (settings.slots, settings.engine) == (2, "auto")


def test_environments_are_globs_and_folders() -> None:
    settings = read(PODIUM_WORKER_ENVIRONMENTS="codalab/*:py39=/srv/py39; *=/srv/default")
    assert settings.environments == (("codalab/*:py39", Path("/srv/py39")), ("*", Path("/srv/default")))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PODIUM_WORKER_TOKEN": ""}, ["no queue token", "PODIUM_WORKER_TOKEN"]),
        ({"PODIUM_WORKER_SERVER": "podium.example.org"}, ["http://", "PODIUM_WORKER_SERVER"]),
        ({"PODIUM_WORKER_SLOTS": "many"}, ["PODIUM_WORKER_SLOTS='many'"]),
        ({"PODIUM_WORKER_SLOTS": "0"}, ["at least one slot"]),
        ({"PODIUM_WORKER_CACHE_GB": "-1"}, ["PODIUM_WORKER_CACHE_GB", "above zero"]),
        ({"WORKER_BUNDLE_URL_REWRITE": "nothing"}, ["FROM|TO"]),
        ({"PODIUM_WORKER_ENVIRONMENTS": "folder"}, ["GLOB=FOLDER"]),
        ({"PODIUM_WORKER_PULL_POLICY": "sometimes"}, ["PODIUM_WORKER_PULL_POLICY", "missing, always, never"]),
        ({"PODIUM_WORKER_MAX_PROCESSES": "0"}, ["PODIUM_WORKER_MAX_PROCESSES", "1 or more"]),
        ({"PODIUM_WORKER_REGISTRY_LOGINS": "host=user"}, ["(hidden)", "REGISTRY=USER:PASSWORD"]),
        ({"USE_GPU": "perhaps"}, ["USE_GPU='perhaps'", "true or false"]),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(variables: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read(**variables)
    for word in words:
        assert word in str(caught.value)


def test_images_ceilings_and_disk_are_settings() -> None:
    settings = read(
        PODIUM_WORKER_PULL_POLICY="always",
        PODIUM_WORKER_IMAGES_GB="20",
        PODIUM_WORKER_REGISTRY_FILE="/etc/podium/registries.json",
        PODIUM_WORKER_REGISTRY_LOGINS="registry.example.org:5000=olivia:a=b:c other.example.org=sam:d",
        PODIUM_WORKER_REGISTRIES="docker.io, ghcr.io",
        PODIUM_WORKER_MIN_FREE_DISK_GB="5",
        PODIUM_WORKER_MAX_SHARED_MEMORY_GB="2",
        PODIUM_WORKER_MAX_CPUS="1.5",
        PODIUM_WORKER_MAX_PROCESSES="512",
    )
    assert (settings.pull_policy, settings.images_bytes) == ("always", 20 * GIB)
    assert settings.registry_file == Path("/etc/podium/registries.json")
    assert settings.registry_logins == (
        ("registry.example.org:5000", "olivia", "a=b:c"),
        ("other.example.org", "sam", "d"),
    )
    assert settings.registries == ("docker.io", "ghcr.io")
    assert (settings.min_free_bytes, settings.max_shm_bytes) == (5 * GIB, 2 * GIB)
    assert (settings.max_cpus, settings.max_processes) == (1.5, 512)


def test_token_and_passwords_are_never_shown() -> None:
    settings = read(PODIUM_WORKER_REGISTRY_LOGINS="host=olivia:hush")
    assert "secret" not in repr(settings)
    assert "hush" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        read(PODIUM_WORKER_REGISTRY_LOGINS="host=olivia:hush other")
    assert "hush" not in str(caught.value)
