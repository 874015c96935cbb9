# SPDX-License-Identifier: Apache-2.0
"""The cookies of forms-based authentication, really encrypted, by a key that all servers share.

Their names and parts follow a published reading of HttpProxy's FbaModule: `cadata` holds the
credentials, `cadataTTL` the end of life, `cadataKey` and `cadataIV` what decrypts them, wrapped
for the certificate's key, `cadataSig` a signature. Before 2013 `sessionid` names a session that
the server keeps, and `cadata` beside it is opaque (assumed).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from evict.lab.model.cookies import OwaCookie

NAMES: Final = ("cadata", "cadataTTL", "cadataKey", "cadataIV", "cadataSig")
SESSION: Final = "sessionid"
_MOTTO: Final = b"Fba Rocks!"
_OAEP: Final = rsa_padding.OAEP(
    mgf=rsa_padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None
)
_PSS: Final = rsa_padding.PSS(
    mgf=rsa_padding.MGF1(hashes.SHA256()), salt_length=rsa_padding.PSS.MAX_LENGTH
)
_LONGEST: Final = 4096
REMEMBERED: Final = 8192


class CookieKey:
    """One for all servers of an organisation, as a shared certificate is.

    What was opened once is remembered, as two RSA decryptions a request would be most of its cost.

    Args:
        remembered: how many at most.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._canary_key = os.urandom(32)
        self._known: dict[bytes, OwaCookie] = {}

    def seal(self, cookie: OwaCookie) -> dict[str, str]:
        """Name -> value, to be set."""
        if cookie.session:
            session = f"{cookie.session}.{'1' if cookie.private else '0'}"
            return {SESSION: session, NAMES[0]: secrets.token_urlsafe(48)}
        key, start = os.urandom(32), os.urandom(16)
        basic = base64.b64encode(f"{cookie.name}:{cookie.password}".encode()).decode()
        ttl = msgspec.json.encode([cookie.expires, cookie.issued, cookie.private])
        public = self._key.public_key()
        sealed = (
            _encrypt(key, start, f"Basic {basic}".encode("utf-16-le")),
            _encrypt(key, start, ttl),
            public.encrypt(key, _OAEP),
            public.encrypt(start, _OAEP),
            self._key.sign(_MOTTO, _PSS, hashes.SHA256()),
        )
        texts = [base64.b64encode(value).decode() for value in sealed]
        self._remember(texts, cookie)
        return dict(zip(NAMES, texts, strict=True))

    def open(self, cookies: Mapping[str, str], server: str) -> OwaCookie | None:
        """None where they are not of this key, or no cookies of ours at all."""
        session, _, private = cookies.get(SESSION, "").partition(".")
        if session:
            return OwaCookie(
                name="",
                password="",
                private=private == "1",
                issued=0,
                expires=0,
                session=session[:64],
                server=server,
            )
        texts = [cookies.get(name, "") for name in NAMES]
        if not all(texts) or any(len(text) > _LONGEST for text in texts):
            return None
        known = self._known.get(_digest(texts))
        if known is not None:
            return known
        try:
            cookie = self._decrypt([base64.b64decode(text, validate=True) for text in texts])
        except (binascii.Error, ValueError, InvalidSignature, msgspec.MsgspecError):
            return None
        self._remember(texts, cookie)
        return cookie

    def _remember(self, texts: list[str], cookie: OwaCookie) -> None:
        if len(self._known) >= self._remembered:
            del self._known[next(iter(self._known))]
        self._known[_digest(texts)] = cookie

    def _decrypt(self, parts: list[bytes]) -> OwaCookie:
        data, ttl, key, start, signature = parts
        self._key.public_key().verify(signature, _MOTTO, _PSS, hashes.SHA256())
        clear_key = self._key.decrypt(key, _OAEP)
        clear_start = self._key.decrypt(start, _OAEP)
        expires, issued, private = msgspec.json.decode(
            _decrypt(clear_key, clear_start, ttl), type=tuple[float, float, bool]
        )
        basic = _decrypt(clear_key, clear_start, data).decode("utf-16-le").removeprefix("Basic ")
        name, _, password = base64.b64decode(basic, validate=True).decode().partition(":")
        return OwaCookie(
            name=name, password=password, private=private, issued=issued, expires=expires
        )

    def canary(self, sam: str) -> str:
        """A word that a form of this person's must say again: another site cannot know it."""
        nonce = secrets.token_urlsafe(12)
        return f"{nonce}.{self._proof(nonce, sam)}"

    def is_canary(self, word: str, sam: str) -> bool:
        nonce, _, proof = word.partition(".")
        return hmac.compare_digest(proof.encode(), self._proof(nonce, sam).encode())

    def _proof(self, nonce: str, sam: str) -> str:
        text = f"{nonce}\0{sam}".encode("utf-8", "surrogatepass")
        return hmac.new(self._canary_key, text, hashlib.sha256).hexdigest()


def _digest(texts: list[str]) -> bytes:
    return hashlib.sha256("|".join(texts).encode("utf-8", "surrogatepass")).digest()


def _encrypt(key: bytes, start: bytes, clear: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    return encryptor.update(padder.update(clear) + padder.finalize()) + encryptor.finalize()


def _decrypt(key: bytes, start: bytes, sealed: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
    padder = padding.PKCS7(128).unpadder()
    return padder.update(decryptor.update(sealed) + decryptor.finalize()) + padder.finalize()
