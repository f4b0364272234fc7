"""How parts of an address become objects."""

from portal.usecase import UseCase, use_cases


class UseCaseConverter:
    """The slug of a use case; an unknown one matches no address, which is a 404."""

    regex = r"[a-z][a-z0-9-]*"

    def to_python(self, value: str) -> UseCase:
        try:
            return use_cases()[value]
        except KeyError:
            raise ValueError(f"There is no use case '{value}'.") from None

    def to_url(self, value: UseCase | str) -> str:
        return value.slug if isinstance(value, UseCase) else value


class VersionConverter:
    """A semantic version: only the characters that one may have."""

    regex = r"[0-9][0-9A-Za-z.+-]*"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class GraphConverter:
    """The ending of an address that asks for a graph in one format."""

    regex = "ttl|jsonld|rdf"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
