"""Layers of configuration: who wins, where a value came from, and what a mistake says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudclusters.errors import InvalidSetting
from cloudclusters.settings import KEYS, Settings
from cloudclusters.settings import home as our_home
from cloudclusters.settings.settings import difference


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """A user's home, our home, and a project with a folder below it."""
    folders = {name: tmp_path / name for name in ("person", "ours", "project", "project/below")}
    for folder in folders.values():
        folder.mkdir()
    return folders


def load(places: dict[str, Path], cwd: str = "project", **environ: str) -> Settings:
    """Load settings in the fixture's places."""
    variables = {"CLOUDCLUSTERS_HOME": str(places["ours"]), **environ}
    return Settings.load(cwd=places[cwd], environ=variables, home=places["person"])


def value(settings: Settings, section: str, key: str) -> tuple[object, str]:
    """A value and its origin."""
    setting = settings.get(section, key)
    assert setting is not None
    return setting.value, setting.origin


def test_nobody_said_anything_gives_defaults_that_cost_nothing(places: dict[str, Path]) -> None:
    """Defaults name the engine, never a region, image or spot market."""
    settings = load(places)
    assert value(settings, "local", "engine") == ("dask", "default")
    assert settings.get("ec2", "region") is None
    assert settings.flat() == {}


def test_each_layer_wins_over_the_one_before_and_tells_its_origin(places: dict[str, Path]) -> None:
    """user file < project file < variable < contract < call, each with its origin."""
    user, project = places["ours"] / "cloudclusters.toml", places["project"] / "cloudclusters.toml"
    user.write_text('[ec2]\nregion = "us-east-1"\n')
    assert value(load(places), "ec2", "region") == ("us-east-1", f"user file {user}:2")
    project.write_text('# ours\n\n[ec2]\nregion = "eu-west-1"\n')
    assert value(load(places), "ec2", "region") == ("eu-west-1", f"project file {project}:4")
    settings = load(places, CLOUDCLUSTERS_EC2_REGION="eu-north-1")
    assert value(settings, "ec2", "region") == ("eu-north-1", "variable CLOUDCLUSTERS_EC2_REGION")
    settings = settings.over({"region": "sa-east-1"}, "contract")
    assert value(settings, "ec2", "region") == ("sa-east-1", "contract")
    assert value(settings.over({"region": "eu-west-2"}, "call"), "ec2", "region") == ("eu-west-2", "call")


def test_project_file_is_found_in_a_folder_above(places: dict[str, Path]) -> None:
    """Working in a folder below the project uses the project's file."""
    (places["project"] / "cloudclusters.toml").write_text('[defaults]\nengine = "none"\n')
    assert load(places, "project/below").text("local", "engine") == "none"


def test_a_section_wins_over_defaults_inside_a_layer_only(places: dict[str, Path]) -> None:
    """A later file's [defaults] wins over an earlier file's section: a later layer always wins."""
    (places["ours"] / "cloudclusters.toml").write_text('[defaults]\nengine = "dask"\n[local]\nengine = "none"\n')
    assert load(places).text("local", "engine") == "none"
    (places["project"] / "cloudclusters.toml").write_text('[defaults]\nengine = "dask"\n')
    assert load(places).text("local", "engine") == "dask"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[ec2]\nregoin = "x"', ":2: unknown key 'regoin' in [ec2]; did you mean 'region'"),
        ("[ec3]\n", ":1: unknown section 'ec3'; did you mean 'ec2'?"),
        ('engine = "dask"', ":1: unknown key 'engine'"),
        ('[defaults]\nregion = "x"', ":2: the key 'region' does not belong into [defaults]"),
        ('[defaults]\nengine = "dusk"', ":2: engine must be 'dask' or 'none', not 'dusk'"),
        ("[defaults]\nuser = 3", ":2: user must be text, not 3"),
        ('[defaults]\n\ntunneled = "perhaps"', ":3: tunneled must be true or false"),
        ("[defaults]\nuser = \n", ":2, key 'user': malformed TOML"),
        ("[defaults\n", ":1: malformed TOML"),
        ('[ec2]\nimageid = "a"\nimage_id = "b"', ":3: 'image_id' is the same key as one above it"),
        ("local = 3", ":1: 'local' must be a section"),
    ],
)
def test_a_mistake_in_a_file_names_file_line_and_key(places: dict[str, Path], text: str, said: str) -> None:
    """Unknown and malformed keys are errors that say where and what to write instead."""
    path = places["project"] / "cloudclusters.toml"
    path.write_text(text)
    with pytest.raises(InvalidSetting) as caught:
        load(places)
    assert f"{path}{said}" in str(caught.value)


def test_an_unknown_variable_is_an_error_with_near_names(places: dict[str, Path]) -> None:
    """A misspelt variable does not do nothing."""
    with pytest.raises(InvalidSetting, match="did you mean 'CLOUDCLUSTERS_ENGINE'"):
        load(places, CLOUDCLUSTERS_ENGIN="none")


def test_the_contract_table_of_a_project_file_is_not_configuration(places: dict[str, Path]) -> None:
    """One file may hold a contract and configuration."""
    (places["project"] / "cloudclusters.toml").write_text('[contract]\nnode_count = 4\n[local]\nengine = "none"\n')
    assert load(places).text("local", "engine") == "none"


CCCONFIG = """
[defaults]
user = "ubuntu"
sshflags = ""
exename = "/home/ubuntu/.juliaup/bin/julia"
directory = "/home/ubuntu"
exeflags = "--optimize=3"
tunneled = true
threadlevel = "multiple"
mpiflags = "--map-by node --hostfile /home/ubuntu/hostfile"

[local]
directory = "."
mpiflags = ""

[ec2]
imageid = "ami-07f6c5b6de73ce7ae"
placement_group = "automatic"
security_group_id = "automatic"
subnet_id = "subnet-1"

[gcp]
imageid = "projects/x/global/images/y"
zone = "us-central1-a"
project = "p"
network_interface = "default"
"""


def test_ccconfig_is_read_as_cloudclusters_does(places: dict[str, Path]) -> None:
    """Sections inherit [defaults]; Julia's own values are accepted and noted."""
    (places["person"] / "CCconfig.toml").write_text(CCCONFIG)
    settings = load(places)
    assert settings.text("ec2", "user") == "ubuntu"
    assert settings.text("ec2", "image_id") == "ami-07f6c5b6de73ce7ae"
    assert settings.text("local", "directory") == "."
    assert settings.section("gcp")["zone"] == "us-central1-a"
    julia = settings.get("ec2", "exename")
    assert julia is not None
    assert "not executed" in julia.note


def test_the_named_directory_comes_before_the_working_directory_and_home(places: dict[str, Path]) -> None:
    """CLOUD_CLUSTERS_CONFIG, else the working directory, else the home directory."""
    (places["person"] / "CCconfig.toml").write_text('[defaults]\nuser = "at-home"\n')
    assert load(places).text("ec2", "user") == "at-home"
    (places["project"] / "CCconfig.toml").write_text('[defaults]\nuser = "here"\n')
    assert load(places).text("ec2", "user") == "here"
    (places["project/below"] / "CCconfig.toml").write_text('[defaults]\nuser = "named"\n')
    settings = load(places, CLOUD_CLUSTERS_CONFIG=str(places["project/below"]))
    assert settings.text("ec2", "user") == "named"


def test_our_file_wins_over_ccconfig_of_the_same_place(places: dict[str, Path]) -> None:
    """CCconfig.toml counts just below our own file."""
    (places["project"] / "CCconfig.toml").write_text('[defaults]\nuser = "old"\n')
    (places["project"] / "cloudclusters.toml").write_text('[defaults]\nuser = "new"\n')
    assert load(places).text("ec2", "user") == "new"


def test_a_named_directory_without_the_file_is_told(places: dict[str, Path]) -> None:
    """A wrong CLOUD_CLUSTERS_CONFIG does not fall back silently."""
    with pytest.raises(InvalidSetting, match=r"there is no CCconfig\.toml in it"):
        load(places, CLOUD_CLUSTERS_CONFIG=str(places["ours"]))


def test_the_digest_covers_values_and_not_origins(places: dict[str, Path]) -> None:
    """The same value from elsewhere is no change; another value is, and the difference names it."""
    by_variable = load(places, CLOUDCLUSTERS_LOCAL_ENGINE="none")
    (places["project"] / "cloudclusters.toml").write_text('[local]\nengine = "none"\n')
    by_file = load(places)
    assert by_variable.digest == by_file.digest
    (places["project"] / "cloudclusters.toml").unlink()
    assert load(places).digest != by_file.digest
    assert difference(by_file.flat(), load(places).flat()) == ["local.engine was none, is not set"]


def test_config_show_has_a_row_with_origin_per_value(places: dict[str, Path]) -> None:
    """Values that a section inherits are shown once."""
    settings = load(places, CLOUDCLUSTERS_EC2_REGION="eu-west-1")
    rows = settings.explain()
    assert ("ec2", "region", "eu-west-1", "variable CLOUDCLUSTERS_EC2_REGION", "") in rows
    assert [row[0] for row in rows if row[1] == "engine"] == ["defaults"]


def test_a_plugin_brings_its_own_section_and_keys(places: dict[str, Path]) -> None:
    """A provider's keys are known only where the plugin is given."""
    path = places["project"] / "cloudclusters.toml"
    path.write_text('[fake]\ndelay = "2"\n')
    with pytest.raises(InvalidSetting, match="unknown section 'fake'"):
        load(places)
    settings = Settings.load(
        cwd=places["project"],
        environ={"CLOUDCLUSTERS_HOME": str(places["ours"])},
        home=places["person"],
        plugins={"fake": {"delay": "Seconds that a boot takes."}},
    )
    assert settings.section("fake")["delay"] == "2"


def test_every_key_has_a_meaning_and_a_section() -> None:
    """The table is what docs and help are made of."""
    for key in KEYS.values():
        assert key.meaning.endswith(".")
        assert key.sections


def test_home_follows_the_variable_else_the_platform(tmp_path: Path) -> None:
    """CLOUDCLUSTERS_HOME moves everything that we keep."""
    assert our_home({"CLOUDCLUSTERS_HOME": str(tmp_path / "x")}) == tmp_path / "x"
    assert "cloudclusters" in str(our_home({}))


def test_the_home_of_a_user_that_is_not_there_is_told(places: dict[str, Path]) -> None:
    """In the variables that name a folder or a file, and in a file's own paths."""
    for name in ("CLOUDCLUSTERS_HOME", "CLOUD_CLUSTERS_CONFIG"):
        with pytest.raises(InvalidSetting, match="~nobody-here/x lies in the home of a user that is not there"):
            load(places, **{name: "~nobody-here/x"})
    (places["project"] / "cloudclusters.toml").write_text('[defaults]\ncatalog_overlay = "~nobody-here/x"\n', "utf-8")
    with pytest.raises(InvalidSetting, match="is not there"):
        load(places)


def test_variables_of_an_agent_are_no_settings(places: dict[str, Path]) -> None:
    """A worker may import cloudclusters: what its agent tells it is not a misspelt setting."""
    assert load(places, CLOUDCLUSTERS_LIFE="abc", CLOUDCLUSTERS_NODE="node0", CLOUDCLUSTERS_READY_FD="7").flat() == {}


def test_variables_of_a_clouds_own_tools_count_least(places: dict[str, Path]) -> None:
    """AWS_REGION is where everything else of AWS works; whoever says something to us means that."""
    named = {"ec2": {"AWS_DEFAULT_REGION": "region", "AWS_REGION": "region"}}
    environ = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "us-east-2"}
    found = Settings.load(cwd=places["project"], environ=environ, home=places["person"], variables=named)
    assert found.text("ec2", "region") == "us-east-2"
    setting = found.get("ec2", "region")
    assert setting is not None
    assert setting.origin == "variable AWS_REGION"
    assert "AWS_REGION" in str(found.explain())
    (places["project"] / "cloudclusters.toml").write_text('[ec2]\nregion = "us-west-2"\n')
    again = Settings.load(cwd=places["project"], environ=environ, home=places["person"], variables=named)
    assert again.text("ec2", "region") == "us-west-2"
