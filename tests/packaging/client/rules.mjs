export async function rules() { return 0; }
