"""The ledger: what was decided, read and changed, so that anybody can check it.

Pure code: bytes in, bytes or a named error out. No storage, no clock, no randomness.

=============  ==================================================================================
``record``     the codec of one entry: header, commitment, digest, chain
``merkle``     the Merkle tree of RFC 6962: roots, inclusion and consistency
``note``       signed notes and checkpoints (C2SP)
``tlog``       the text form of an inclusion proof (C2SP ``tlog-proof``)
``receipt``    what a customer is handed at once: a signed promise
``proof``      what a receipt becomes once it is sealed: checkable offline
``verifier``   the same check in one file that stands alone, for auditors
``audit``      the check of a whole stream against its seals
``strict``     reading JSON and base64 that come from outside
=============  ==================================================================================
"""
