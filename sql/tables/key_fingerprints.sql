-- Fingerprints of the keys that sealed what is stored.
--
-- unless present: vetassist_key_fingerprints

-- The fingerprint is not unique, so that nobody who notes one waits for another's transaction.
CREATE TABLE @extschema@.vetassist_key_fingerprints (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    fingerprint varchar(16) NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE @extschema@.vetassist_key_fingerprints IS 'Fingerprints of the keys that sealed tokens';
