// Loaded before the proxy's own process: plants the bug that TEST_PLANT names.
import { type PlantName, plants } from '../faults/plants.ts'

plants[process.env.TEST_PLANT as PlantName]()
