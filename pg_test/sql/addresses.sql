-- Hashes of addresses.
CREATE EXTENSION vetassist;

-- All spellings of a host's address have the same hash.
SELECT vetassist_hash_ip('203.0.113.7');
SELECT vetassist_hash_ip(ip) = vetassist_hash_ip('203.0.113.7') AS same
FROM unnest(ARRAY['203.0.113.7/32', '::ffff:203.0.113.7', '::FFFF:cb00:7107', '0::ffff:203.0.113.7/128']::inet[]) AS ip;
SELECT vetassist_hash_ip('2001:DB8::0:0:1') = vetassist_hash_ip('2001:db8::1') AS same;
SELECT vetassist_hash_ip('203.0.113.7') = encode(sha256('203.0.113.7'), 'hex') AS is_sha256;
SELECT vetassist_hash_ip('::1.2.3.4') = encode(sha256('::102:304'), 'hex') AS is_rfc_5952;

-- A network is not a host, even if it is written without a prefix.
SELECT vetassist_hash_ip('203.0.113.7/31');
SELECT vetassist_hash_ip('203.0.113.0/24'::cidr);
SELECT vetassist_hash_ip('::ffff:203.0.113.7/127');
SELECT vetassist_hash_ip('2001:db8::/64');
SELECT vetassist_hash_ip('203.0.113.7/32'::cidr) = vetassist_hash_ip('203.0.113.7') AS same;

-- A keyed hash can be computed from the plain hash.
SELECT vetassist_hash_ip_keyed('203.0.113.7') = vetassist_upgrade_ip_hash(vetassist_hash_ip('203.0.113.7')) AS composes;
SELECT vetassist_hash_ip_keyed('203.0.113.7') = vetassist_hash_ip('203.0.113.7') AS is_plain;
SELECT vetassist_hash_ip_keyed('203.0.113.7/31');
SELECT vetassist_upgrade_ip_hash('FEC52565AA0CF18F57D7CF5B3AC728503B8992D2D6F7D46DA1D1201090902B02');
SELECT vetassist_upgrade_ip_hash('203.0.113.7');

-- The function can be used where only immutable functions are allowed.
CREATE TABLE seen (ip inet, hash text GENERATED ALWAYS AS (vetassist_hash_ip(ip)) STORED);
INSERT INTO seen VALUES ('203.0.113.7'), (NULL);
SELECT * FROM seen;
