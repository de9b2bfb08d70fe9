from typing import Dict, Final, List, Literal, Optional, Sequence, Tuple, Union, final, overload

from typing_extensions import NoReturn, Self

from ._types import Address, BytesLike, JsonValue, MasterKeyLike, UserId

__all__ = [
    "Key",
    "KeyRing",
    "MasterKey",
    "SCHEMA_QUERY",
    "VERSION",
    "check_event_data",
    "check_event_type",
    "column_kinds",
    "decrypt",
    "decrypt_text",
    "encrypt",
    "fingerprint",
    "generate_key",
    "hash_device",
    "hash_ip",
    "hash_ip_keyed",
    "opened_checkpoint",
    "schema_differences",
    "table_columns",
    "upgrade_ip_hash",
]

VERSION: Final[str]
SCHEMA_QUERY: Final[str]

@final
class Key:
    """Seals and opens with AES-256-GCM. A sealed value is nonce (12 bytes, random), ciphertext and tag (16 bytes).

    Seal at most 2^32 values with one key. The object cannot be copied or pickled. Used with ``with``, the key is freed
    at the end.
    """

    def __new__(cls, key: BytesLike, /) -> Self: ...
    def seal(self, plaintext: Union[BytesLike, str], aad: Union[BytesLike, str, None] = None) -> bytes:
        """Seals bytes, or text as its UTF-8, under a fresh nonce.

        ``aad`` is additional authenticated data. It is not part of the sealed value, and the same AAD is needed to open it.
        """

    def open(self, sealed: BytesLike, aad: Union[BytesLike, str, None] = None) -> bytes:
        """Opens a value that :meth:`seal` or any other AES-256-GCM with the nonce in front has sealed."""

    def open_text(self, sealed: BytesLike, aad: Union[BytesLike, str, None] = None) -> str:
        """Opens as :meth:`open` does, and returns text. A byte order mark is part of the text."""

    def seal_to_text(self, plaintext: Union[BytesLike, str], aad: Union[BytesLike, str, None] = None) -> str:
        """Seals as :meth:`seal` does, and returns text for a cookie or a header.

        The text is base64url without padding (RFC 4648, section 5). Use the cookie's name as ``aad``, so that the value
        cannot be moved to another cookie.
        """

    def open_from_text(self, sealed_text: str, aad: Union[BytesLike, str, None] = None) -> str:
        """Opens a value that :meth:`seal_to_text` returned, and returns text."""

    def free(self) -> None:
        """Frees the key: later calls raise an error. The key is wiped when the last running call ends."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __reduce_ex__(self, protocol: object, /) -> NoReturn: ...

@final
class MasterKey:
    """Derives all other keys, and never seals anything itself.

    The object cannot be copied or pickled. Used with ``with``, the key is freed at the end.
    """

    def __new__(cls, key: MasterKeyLike, /) -> Self: ...
    def derive_user_key(self, user_id: UserId) -> Key:
        """Derives the key that seals this user's tokens. Text is a UUID in its hyphenated form of 36 characters."""

    def fingerprint(self) -> str:
        """Returns 16 hexadecimal digits that identify the key and are safe to print."""

    def free(self) -> None:
        """Frees the key: later calls raise an error. The key is wiped when the last running call ends."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __reduce_ex__(self, protocol: object, /) -> NoReturn: ...

@final
class KeyRing:
    """Holds up to 16 master keys, newest first: the first seals, all of them open.

    The object cannot be copied or pickled. Used with ``with``, the keys are freed at the end.
    """

    # The first overload is for list literals. The second is for variables, because a list of one type is not a list of all
    # types. A Sequence is not possible, because a str is one.
    @overload
    def __new__(cls, keys: Union[List[MasterKeyLike], Tuple[MasterKeyLike, ...]], /) -> Self: ...
    @overload
    def __new__(cls, keys: Union[List[str], List[bytes], List[MasterKey]], /) -> Self: ...
    @staticmethod
    def parse(text: Union[BytesLike, str]) -> KeyRing:
        """Reads a key file: one key of 64 hexadecimal digits on each line, newest first, with ``#`` before comments."""

    def encrypt_token(self, token: str, user_id: UserId) -> bytes:
        """Seals a token for a user under the current key, as SQL's ``vetassist_encrypt_token`` does."""

    @overload
    def decrypt_token(self, sealed: BytesLike, user_id: UserId, *, with_position: Literal[False] = False) -> str:
        """Opens a user's token with the key of the ring that sealed it, as SQL's ``vetassist_decrypt_token`` does.

        With ``with_position`` the result is a tuple of the token and the position of that key in the ring, from 0.
        """

    @overload
    def decrypt_token(self, sealed: BytesLike, user_id: UserId, *, with_position: Literal[True]) -> Tuple[str, int]: ...
    def fingerprints(self) -> List[str]:
        """Returns the fingerprint of each key, the current one first."""

    def free(self) -> None:
        """Frees the keys: later calls raise an error. The keys are wiped when the last running call ends."""

    def __len__(self) -> int: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...
    def __reduce_ex__(self, protocol: object, /) -> NoReturn: ...

def generate_key() -> bytes:
    """Draws the 32 bytes of a new key."""

def encrypt(
    plaintext: Union[BytesLike, str], key: Union[Key, BytesLike], aad: Union[BytesLike, str, None] = None
) -> bytes:
    """Seals with a key that is needed once. For several values, create a :class:`Key`."""

def decrypt(sealed: BytesLike, key: Union[Key, BytesLike], aad: Union[BytesLike, str, None] = None) -> bytes:
    """Opens with a key that is needed once."""

def decrypt_text(sealed: BytesLike, key: Union[Key, BytesLike], aad: Union[BytesLike, str, None] = None) -> str:
    """Opens as :func:`decrypt` does, and returns text."""

def hash_ip(address: Address, /) -> str:
    """Returns the plain hash of an IP address: 64 hexadecimal digits.

    All spellings of an address have the same hash, and an IPv4-mapped IPv6 address has the hash of its IPv4 address. The
    address must be the address of one host: no port, no zone, no prefix, no blanks, no list.
    """

def hash_ip_keyed(address: Address, master_key: Union[MasterKeyLike, KeyRing]) -> str:
    """Returns the hash of an IP address under a master key, or under the current key of a ring."""

def upgrade_ip_hash(plain_hash: str, master_key: Union[MasterKeyLike, KeyRing]) -> str:
    """Returns the keyed hash for a stored plain hash."""

def fingerprint(master_key: Union[MasterKeyLike, KeyRing], /) -> str:
    """Returns the fingerprint of a master key, or of the current key of a ring."""

def hash_device(device: JsonValue, master_key: Union[MasterKeyLike, KeyRing, None] = None) -> JsonValue:
    """Replaces the addresses in a device's description by hashes, by the rules of SQL.

    An address is recognised by its value, in any member. A member that has the name of an address and is not one is
    dropped. The hashes are keyed if a key or a ring is given, and plain otherwise.
    """

def check_event_data(event_data: JsonValue, /) -> None:
    """Refuses metadata that contains something that looks like a secret, by the rules of ``vetassist_log_event``."""

def check_event_type(event_type: str, /) -> None:
    """Refuses the type of an event that is blank, too long, reserved, or looks like a secret."""

def schema_differences(rows: Sequence[object], /) -> List[Tuple[str, str, Optional[str], Optional[str]]]: ...
def table_columns() -> Dict[str, List[Tuple[str, str, bool]]]: ...
def column_kinds() -> Dict[str, Tuple[str, Optional[str]]]: ...
def opened_checkpoint(
    note: Union[BytesLike, str], verifier_keys: Union[str, Sequence[str]]
) -> Tuple[str, int, bytes]: ...
