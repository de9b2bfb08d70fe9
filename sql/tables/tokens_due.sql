-- The index of tokens that are due for a refresh.
--
-- requires: tables/va_tokens.sql

-- Adopted tables may not have the index.
DO $tokens_due$
BEGIN
IF to_regclass('@extschema@' || '.idx_vetassist_va_tokens_due') IS NULL THEN

CREATE INDEX idx_vetassist_va_tokens_due ON @extschema@.vetassist_va_tokens (expires_at)
    WHERE refresh_token_encrypted IS NOT NULL;

END IF;
END
$tokens_due$;
