import { $, elderSwitch } from './page.js';

$('tools').append(elderSwitch());
