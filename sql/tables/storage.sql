-- Storage of the columns that hold tokens.
--
-- requires: tables/va_tokens.sql

-- Ciphertext does not compress, and the attempt would take a tenth of the time of a sign-in.
ALTER TABLE @extschema@.vetassist_va_tokens
    ALTER access_token_encrypted SET STORAGE EXTERNAL,
    ALTER refresh_token_encrypted SET STORAGE EXTERNAL;
