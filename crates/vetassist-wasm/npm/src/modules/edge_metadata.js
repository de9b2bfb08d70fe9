// The same as edge.js, for vetassist/metadata.

export { metadata } from '#imported_metadata';
