// The place of the plain file, beside this package's code.

export const plainFile = () => new URL('./vetassist.sql', import.meta.url);
