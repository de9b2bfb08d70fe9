// The same as plain_file.js, for CommonJS, which has no import.meta.

export const plainFile = () => `${__dirname}/vetassist.sql`;
