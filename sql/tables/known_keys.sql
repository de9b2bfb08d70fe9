-- Fingerprints of the keys that sealed what is stored.
--
-- unless present: vetassist_known_keys

-- The fingerprint is not unique, so that nobody who notes one waits for another's transaction.
CREATE TABLE @extschema@.vetassist_known_keys (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    fingerprint varchar(16) NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE @extschema@.vetassist_known_keys IS 'Fingerprints of the keys that sealed tokens';
