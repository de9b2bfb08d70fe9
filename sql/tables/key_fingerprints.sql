-- Fingerprints of the keys that sealed stored tokens.
--
-- unless present: vetassist_key_fingerprints

-- The fingerprint is not unique, so that two transactions that note the same key do not wait for each other.
CREATE TABLE @extschema@.vetassist_key_fingerprints (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    fingerprint varchar(16) NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE @extschema@.vetassist_key_fingerprints IS 'Fingerprints of the keys that sealed tokens';
