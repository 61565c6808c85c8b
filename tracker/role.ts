/** `seeder`: nothing left. `partial`: something left, but wants no more (BEP 21). `leecher`: wants more. */
export type Role = 'seeder' | 'partial' | 'leecher';

const ROLES = ['seeder', 'partial', 'leecher'] as const;
export const roleNumber = (role: Role): number => (role === 'seeder' ? 0 : role === 'partial' ? 1 : 2);
export const roleOfNumber = (number: number): Role => ROLES[number]!;
