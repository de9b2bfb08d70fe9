-- Sets how columns are stored.
--
-- requires: tables/va_tokens.sql

-- Ciphertext does not compress, and to try would take a tenth of a sign-in.
ALTER TABLE @extschema@.vetassist_va_tokens
    ALTER access_token_encrypted SET STORAGE EXTERNAL,
    ALTER refresh_token_encrypted SET STORAGE EXTERNAL;
