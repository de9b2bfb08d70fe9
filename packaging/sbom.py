"""Writes a CycloneDX list of the crates that are linked into the released files, from the output of `cargo metadata`.

The npm package and the plain SQL file contain no other third-party code than these crates. The tools of the tests are not part of
a release.
"""

import json
import sys
import uuid
from datetime import datetime, timezone

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

# The released parts that are made of Rust: for each crate, the names of its files.
RELEASED = {
    "vetassist-core": ("vetassist-core", "cargo"),
    "vetassist-pg": ("vetassist", "generic"),
    "vetassist-audit": ("vetassist-audit", "generic"),
    "vetassist-wasm": ("vetassist", "npm"),
    # Further modules of the npm package.
    "vetassist-audit-wasm": ("vetassist-audit-wasm", "generic"),
    "vetassist-metadata-wasm": ("vetassist-metadata-wasm", "generic"),
    "vetassist-schema-wasm": ("vetassist-schema-wasm", "generic"),
    "vetassist-py": ("vetassist", "pypi"),
}


def linked(node: dict) -> list[str]:
    """Returns the ids of the crates that one is linked with: not those that only its build or its tests take."""
    return [
        one["pkg"] for one in node["deps"] if any(kind["kind"] is None for kind in one["dep_kinds"])
    ]


def is_macro(package: dict) -> bool:
    """Returns true if a crate runs in the compiler alone."""
    return all("proc-macro" in target["kind"] or target["kind"] == ["custom-build"] for target in package["targets"])


def read_checksums(lock: str) -> dict[tuple[str, str], str]:
    """Returns the SHA-256 of each crate's archive, as Cargo.lock states it."""
    checksums = {}
    for entry in lock.split("[[package]]")[1:]:
        fields = dict(line.split(" = ", 1) for line in entry.splitlines() if " = \"" in line)
        if "checksum" in fields:
            checksums[json.loads(fields["name"]), json.loads(fields["version"])] = json.loads(fields["checksum"])
    return checksums


def main(metadata_file: str, version: str, changed: str, file: str) -> None:
    with open(metadata_file, encoding="utf-8") as opened:
        metadata = json.load(opened)
    with open("Cargo.lock", encoding="utf-8") as opened:
        checksums = read_checksums(opened.read())
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    licenses = LicenseFactory()
    components: dict[str, Component] = {}

    def component(crate: str) -> Component:
        package = packages[crate]
        name, kind = RELEASED.get(package["name"], (package["name"], "cargo"))
        checksum = checksums.get((package["name"], package["version"]))
        return Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=package["version"],
            bom_ref=f"{package['name']}@{package['version']}",
            purl=PackageURL(kind, None, name, package["version"]),
            # Old crates write MIT/Apache-2.0.
            licenses=[licenses.make_from_string(package["license"].replace("/", " OR "))] if package["license"] else [],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        )

    bom = Bom()
    # The date is that of the source, so that the same source gives the same list.
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"pkg:generic/vetassist@{version}?changed={changed}")
    bom.metadata.timestamp = datetime.fromtimestamp(int(changed), timezone.utc)
    whole = Component(type=ComponentType.APPLICATION, name="vetassist", version=version, bom_ref="release")
    bom.metadata.component = whole
    wanted = [crate for crate, package in packages.items() if package["name"] in RELEASED]
    roots = list(wanted)
    while wanted:
        crate = wanted.pop()
        if crate not in components and not is_macro(packages[crate]):
            components[crate] = component(crate)
            bom.components.add(components[crate])
            wanted.extend(linked(nodes[crate]))
    for crate, found in components.items():
        bom.register_dependency(found, [components[one] for one in linked(nodes[crate]) if one in components])
    bom.register_dependency(whole, [components[crate] for crate in roots])

    text = JsonV1Dot5(bom).output_as_string(indent=2)
    error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if error:
        sys.exit(f"the list is not as CycloneDX wants it: {error}")
    with open(file, "w", encoding="utf-8") as opened:
        opened.write(text + "\n")


main(*sys.argv[1:])
